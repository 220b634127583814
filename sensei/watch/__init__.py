"""``sensei watch``: runs pytest on every save, the edited koan first.

``command`` is the command and its loop, ``changes`` sees what was saved, ``runs``
starts and follows a run, ``child`` is what happens in it, ``terminal`` speaks and
listens.
"""
