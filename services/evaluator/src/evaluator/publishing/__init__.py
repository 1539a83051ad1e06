"""A trained model's results in its own repo, in the forms that the Hub reads."""
