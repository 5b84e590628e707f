"""The embedded data set: a procedural blood smear of the fifteen classes, and the pocket weights made from it."""
