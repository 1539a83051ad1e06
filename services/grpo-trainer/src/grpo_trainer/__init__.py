"""Group relative policy optimisation on rule rewards."""
