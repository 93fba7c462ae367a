roster = [
  "alvarez", "bauer", "chen", "dubois", "eriksen", "fischer", "garcia", "haddad", "ivanova", "jensen",
  "kim", "larsen", "moreau", "nakamura", "okafor", "patel", "quispe", "rossi", "santos", "tanaka",
]
