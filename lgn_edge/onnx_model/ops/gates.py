"""Gates in standard ops: what the function bodies of layers share.

Every gate is c0 ^ (ca & a) ^ (cb & b) ^ (cab & a & b), its coefficients spread over a word: 0 or -1.
"""

from __future__ import annotations


def coefficients(axes: str) -> str:
    """Statements that make c0, ca, cb and cab of `table`, with more axes of length one, such as "2, 3"."""
    return f"""
  bit = Constant <value = uint8 {{1}}> ()
  row01 = Constant <value = uint8 {{2}}> ()
  row00 = Constant <value = uint8 {{3}}> ()
  table_00 = BitShift <direction = "RIGHT"> (table, row00)
  table_01 = BitShift <direction = "RIGHT"> (table, row01)
  table_10 = BitShift <direction = "RIGHT"> (table, bit)
  f00 = BitwiseAnd (table_00, bit)
  f01 = BitwiseAnd (table_01, bit)
  f10 = BitwiseAnd (table_10, bit)
  f11 = BitwiseAnd (table, bit)
  f00_f10 = BitwiseXor (f00, f10)
  f00_f01 = BitwiseXor (f00, f01)
  f10_f11 = BitwiseXor (f10, f11)
  f_all = BitwiseXor (f00_f01, f10_f11)

  column = Constant <value_ints = [{axes}]> ()
  c0_byte = Unsqueeze (f00, column)
  ca_byte = Unsqueeze (f00_f10, column)
  cb_byte = Unsqueeze (f00_f01, column)
  cab_byte = Unsqueeze (f_all, column)
  c0_word = Cast <to = 7> (c0_byte)
  ca_word = Cast <to = 7> (ca_byte)
  cb_word = Cast <to = 7> (cb_byte)
  cab_word = Cast <to = 7> (cab_byte)
  c0 = Neg (c0_word)
  ca = Neg (ca_word)
  cb = Neg (cb_word)
  cab = Neg (cab_word)
"""


def gates(c0: str, ca: str, cb: str, cab: str, result: str) -> str:
    """Statements that give `words_a` and `words_b` to the gates of these coefficients."""
    return f"""
  only_a = BitwiseAnd ({ca}, words_a)
  both_a = BitwiseAnd ({cab}, words_a)
  factor_b = BitwiseXor ({cb}, both_a)
  with_b = BitwiseAnd (factor_b, words_b)
  varying = BitwiseXor (only_a, with_b)
  {result} = BitwiseXor ({c0}, varying)
"""
