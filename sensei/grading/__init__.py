"""Grading a class: ``sensei grade``.

From a submission only the fills are taken, by parsing; they are put into the
koan as it was given, and that is what runs, in a process that can be killed and
that the kernel fences in.

In the order in which they are used: ``assignment`` (what was given),
``archives`` and ``trees`` (what is in a download), ``exports`` and ``platforms`` (which
hand-ins there are: ``handins``), ``lessons`` (the lesson files in one), ``roster``,
``tables``, ``candidates``, ``matching`` and ``needs`` (whose they are), ``answers``
(the fills in one), ``book`` (each distinct answer once), ``judging`` and ``workers``
(who runs what, and when again), ``warm``, ``bench`` and ``fence`` (the processes that
run koans), ``gradebook``, ``overrides`` and ``figures`` (what it comes to), ``out``
(what is written), ``command`` (the command line). ``handout`` gives the course out.
"""
