"""``sensei watch``: a verdict for every save.

``command`` is the command and its loop. What changed is seen by ``changes``, runs
are started and followed by ``runs``, what a run does is in ``child``, and
``terminal`` speaks and listens.
"""
