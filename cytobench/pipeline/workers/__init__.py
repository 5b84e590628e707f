"""Plugins at work in processes of their own: what one of them does to its process fails its trial alone.

``executor`` hands stages to workers. ``handle`` is a worker as the run sees it, ``serve`` what it does itself, and
``messages`` what passes between the two. ``limits`` watches it, ``memory`` measures it, ``output`` is what it writes.
"""
