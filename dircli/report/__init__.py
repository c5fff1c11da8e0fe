"""What people read: tables for terminals, JSON for programs. Values in, text out; nothing is computed here."""
