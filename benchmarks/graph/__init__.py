"""What a graph adds to relevance, and how fast it is."""
