"""What speech recognition engines share: clips and their audio, a user's recordings, the workload, word errors."""
