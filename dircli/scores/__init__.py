"""From predictions to a result: scores by shot region, how sure they are, and what they compare with."""
