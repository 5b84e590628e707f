"""Data sets: tables of labelled images, from a folder of classes, a manifest or a plugin."""
