"""The miniature dataset and model that the embedded default trains on. They know no medicine."""
