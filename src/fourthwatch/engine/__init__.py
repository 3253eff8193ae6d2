"""The walk of one event, and the queue in front of it: the only place where the rooms below meet."""
