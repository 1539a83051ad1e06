"""The Jobs part of the hub."""
