"""The Hub part of the hub: model and dataset repos, their commits and their files."""
