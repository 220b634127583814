"""``sensei watch``: judges what was saved, and then the path.

``command`` is the command and its loop, ``changes`` sees what was saved, ``runs``
is a run and who follows it, ``page`` what a learner sees, ``terminal`` draws it and
takes keys.
"""
