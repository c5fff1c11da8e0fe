"""How to cite this program and the paper of its benchmarks, as BibTeX; what CITATION.cff states."""

from dircli import __version__

PROGRAM = f"""\
@software{{dircli,
  title   = {{{{dircli}}: the benchmark and the scorer of {{Deep Imbalanced Regression}}}},
  author  = {{{{The dircli authors}}}},
  version = {{{__version__}}},
  license = {{MIT}}
}}"""

PAPER = """\
@inproceedings{yang2021delving,
  title     = {Delving into {Deep Imbalanced Regression}},
  author    = {Yang, Yuzhe and Zha, Kaiwen and Chen, Ying-Cong and Wang, Hao and Katabi, Dina},
  booktitle = {Proceedings of the 38th International Conference on Machine Learning},
  year      = {2021},
  url       = {https://arxiv.org/abs/2102.09554}
}"""


def bibtex(*further: str) -> str:
    """The entries of the program and the paper, and ``further`` ones that there are."""
    return "\n\n".join([PROGRAM, PAPER, *filter(None, further)])
