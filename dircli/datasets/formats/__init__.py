"""Layouts that several datasets share: published age files, and the depth maps of NYU."""
