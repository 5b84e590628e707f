"""Plugins at work in processes of their own: what one of them does to its process fails its trial alone.

``executor`` hands stages to workers, ``process`` is a worker as the run sees it, ``worker`` is what it does itself, and
``memory`` measures it.
"""
