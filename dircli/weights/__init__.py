"""From training counts to effective density (LDS), and to one weight per sample."""
