"""The forms in which machines run a network: one folder each.

| form | how it runs | who has it |
|---|---|---|
| `rows/` | rows of 512 samples; every gate is one operation of three rows | machines with vector units |
| `table/` | one sample at a time; small loops walk over a tape of gates | machines without |
| `straight/` | one sample at a time; an expression a gate | the same, for small networks |
| `positions/` | one sample at a time; positions of an image are bits of words | the same, for image layers |
| `words/` | a word of samples at a time, from the tape | the same, beside one of the two, when asked for |

`one_sample/` is what the last four share.
"""
