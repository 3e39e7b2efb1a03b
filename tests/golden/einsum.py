#!/usr/bin/env python3
"""Golden values of Einsum from PyTorch 2: writes einsum.npz beside this file. A case's name is its equation."""
import torch
from golden_case import case, save, x

SIZES = dict(zip("abcdeijkAB", [2, 3, 4, 5, 2, 3, 4, 5, 2, 3]))
EQUATIONS = """i,i-> | i,j-> | i,j->ij | i,i->i | ij->ji | ij-> | ij->i | ij->j | ii->i | ii-> | ii | iij->j | iji->ji | iijj->ij
ij,jk->ik | ij,jk | ij,kj->ik | ji,jk->ik | ji,kj->ki | bij,bjk->bik | bij,bkj->bik | bij,jk->bik | ij,bjk->bik | bi,bi->b
bi,bj->bij | bi,bj->ij | bij,bij-> | ij,ij->j | ij,j->i | ij,j->ij | ijk,jil->kl | abc,cd,de->abe | ab,bc,cd | a,b,c->cba
abcd,bd->ac | abcd,cdab-> | ijk->kij | ij,i->  | aij,bjk->abik | Aij,Bjk->BAki | i,ij,j-> | ab,ac,ad->bcd | abc,bad->dc | ii,ij,jj->
bijk,bkj->bi""".replace("\n", " | ").split("|")
for equation in map(str.strip, EQUATIONS):
    terms = equation.split("->")[0].split(",")
    case(equation.replace(" ", ""), lambda *v: torch.einsum(equation, *v), *[x(*[SIZES.get(c, 3) for c in t]) for t in terms])


def shaped(name, equation, *shapes):
    case(name, lambda *v: torch.einsum(equation, *v), *[x(*s) for s in shapes])


shaped("ellipsis/implicit", "...ij,...jk", (2, 3, 4), (2, 4, 5))
shaped("ellipsis/transposed", "i...->...i", (2, 3, 4))
shaped("ellipsis/dense", "...i,oi->...o", (2, 3, 4), (5, 4))
shaped("ellipsis/broadcast", "...ij,...jk->...ik", (2, 1, 3, 4), (5, 4, 2))
shaped("ellipsis/summed", "...i->i", (2, 3, 4))
shaped("ellipsis/none", "...ij,jk->ik...", (3, 4), (4, 2))
shaped("ellipsis/middle", "i...j,j...i->...", (2, 3, 4), (4, 3, 2))
shaped("ellipsis/three", "b...i,...i,b->...", (2, 3, 4), (3, 4), (2,))
shaped("one/summed", "ij,jk->ik", (3, 1), (4, 2))
shaped("one/kept", "ij,ij->ij", (3, 1), (1, 4))
shaped("one/both", "ij,jk->ik", (3, 1), (1, 2))
shaped("spaces", " i j , j k -> i k ", (3, 4), (4, 2))
shaped("capitals", "bA,AB", (3, 4), (4, 2))
save(__file__)
