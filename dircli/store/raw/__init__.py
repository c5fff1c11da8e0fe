"""Raw sources read in place: folders and archives as trees of named members."""
