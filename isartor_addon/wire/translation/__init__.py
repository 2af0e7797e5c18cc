"""From one wire to another: the parts of `wire/translate.py`.

A request is read into an `Ask`, which no wire's own words reach, and said again from it (`asks_*`, `bodies_*`). A
reply is read into plain parts and told again, whole or live (`replies`, `tellers_*`). What is deliberately not
carried over stands in one table with its reason (`left_out`); everything else that a wire cannot say is
`Untranslatable`.
"""
