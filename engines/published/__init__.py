"""Published weights that Python packages carry: a catalogue, how they are fetched, and where they lie afterwards."""
