"""A flow's definition as a Lark grammar whose tokens are whole records.

In: a `FlowDef`.  Out: the grammar as text, for people, and compiled, as a `RecordGrammar`
whose `Walk` says of each record where it stands.  This module is the only one that
speaks Lark for flows; it does not look inside a record beyond its group code.

The grammar describes one instance: one level-1 group and all below it, so that files of
any length are walked in bounded memory.  A small rule a group:

    start: g_026
    g_026: R_026 (g_027 | g_028)*

Siblings are free: order, least and most are findings, not syntax, because a whole
grammar in catalogue order makes Lark expand every optional group into alternatives, and
because a file in the wrong order still has a tree that is worth showing.

Where a code stands twice among the groups of one parent (D0030 and D0209 have such
codes at level 1) the record alone cannot say which is meant.  Then the terminals carry
the group's place in the catalogue, ``R_SUP_4`` and ``R_SUP_10``, and the walk chooses by
catalogue order: the first that is not behind the last sibling and not yet full.

Lark builds and proves the table (a conflict is an error at compile time); the walk
drives that table itself, because it needs no values and no exceptions, only states.
"""

from dflow.grammar.table import RecordGrammar, compile_grammar
from dflow.grammar.text import grammar_text
from dflow.grammar.walk import Frame, Walk

__all__ = ["Frame", "RecordGrammar", "Walk", "compile_grammar", "grammar_text"]
