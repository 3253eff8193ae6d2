"""Telling shops and programs outside what happened: the only room that opens connections to the world."""
