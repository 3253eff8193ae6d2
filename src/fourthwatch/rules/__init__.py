"""The shop's opinion: conditions in the language, each with a class, a weight and a reason, kept as whole sets.

Pure: a rule set is a value, and what it says of an event is a function of the event and of what was known as of then.
"""
