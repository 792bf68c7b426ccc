"""What every speech synthesis engine shares: sentences, splitting, streamed audio, its validity and its quality."""
