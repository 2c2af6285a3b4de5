"""What is true of the archives, without a judgement."""
