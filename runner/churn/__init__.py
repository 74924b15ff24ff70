"""How likely each customer is not to order in the next days: the score, what it rests on, and whether it holds.

A rule where the data carry no more, a model where they do, and that model only for as long as it tells the past better
than one figure for everybody. numpy and scipy are loaded by who asks for a score, not by who imports this package.
"""
