"""The error function, which NumPy lacks, and constants of functions."""

from __future__ import annotations

import numpy as np

SELU_ALPHA = 1.6732632423543772848170429916717
SELU_SCALE = 1.0507009873554804934193349852946

# Rational approximations of the C library's erf (FreeBSD msun s_erf.c, Sun Microsystems 1993),
# each accurate to under one unit in the last place of float64 on its interval.
_EFX = 1.28379167095512586316e-01
_ERX = 8.45062911510467529297e-01
_PP = (-2.37630166566501626084e-05, -5.77027029648944159157e-03, -2.84817495755985104766e-02,
       -3.25042107247001499370e-01, 1.28379167095512558561e-01)  # fmt: skip
_QQ = (-3.96022827877536812320e-06, 1.32494738004321644526e-04, 5.08130628187576562776e-03,
       6.50222499887672944485e-02, 3.97917223959155352819e-01, 1.0)  # fmt: skip
_PA = (-2.16637559486879084300e-03, 3.54783043256182359371e-02, -1.10894694282396677476e-01,
       3.18346619901161753674e-01, -3.72207876035701323847e-01, 4.14856118683748331666e-01,
       -2.36211856075265944077e-03)  # fmt: skip
_QA = (1.19844998467991074170e-02, 1.36370839120290507362e-02, 1.26171219808761642112e-01,
       7.18286544141962662868e-02, 5.40397917702171048937e-01, 1.06420880400844228286e-01, 1.0)  # fmt: skip
_RA = (-9.81432934416914548592e00, -8.12874355063065934246e01, -1.84605092906711035994e02,
       -1.62396669462573470355e02, -6.23753324503260060396e01, -1.05586262253232909814e01,
       -6.93858572707181764372e-01, -9.86494403484714822705e-03)  # fmt: skip
_SA = (-6.04244152148580987438e-02, 6.57024977031928170135e00, 1.08635005541779435134e02,
       4.29008140027567833386e02, 6.45387271733267880336e02, 4.34565877475229228821e02,
       1.37657754143519042600e02, 1.96512716674392571292e01, 1.0)  # fmt: skip
_RB = (-4.83519191608651397019e02, -1.02509513161107724954e03, -6.37566443368389627722e02,
       -1.60636384855821916062e02, -1.77579549177547519889e01, -7.99283237680523006574e-01,
       -9.86494292470009928597e-03)  # fmt: skip
_SB = (-2.24409524465858183362e01, 4.74528541206955367215e02, 2.55305040643316442583e03,
       3.19985821950859553908e03, 1.53672958608443695994e03, 3.25792512996573918826e02,
       3.03380607434824582924e01, 1.0)  # fmt: skip


def erf(x: np.ndarray) -> np.ndarray:
    """The error function of each element, computed in float64, in the dtype of x."""
    value = np.asarray(x, np.float64)
    size = np.abs(value)
    pieces = [size < 0.84375, size < 1.25, size < 1 / 0.35, size < 6.0]
    result = np.select(pieces, [_small(size), _middle(size), _tail(size, _RA, _SA), _tail(size, _RB, _SB)], 1.0)
    return np.where(np.isnan(value), value, np.copysign(result, value)).astype(x.dtype)


def _small(x: np.ndarray) -> np.ndarray:
    square = np.minimum(x, 1.0) ** 2
    return x + x * np.polyval(_PP, square) / np.polyval(_QQ, square)


def _middle(x: np.ndarray) -> np.ndarray:
    offset = np.clip(x, 0.5, 1.5) - 1.0
    return _ERX + np.polyval(_PA, offset) / np.polyval(_QA, offset)


def _tail(x: np.ndarray, numerator: tuple[float, ...], denominator: tuple[float, ...]) -> np.ndarray:
    size = np.clip(x, 1.0, 6.5)
    inverse = 1.0 / (size * size)
    exponent = -size * size - 0.5625 + np.polyval(numerator, inverse) / np.polyval(denominator, inverse)
    return 1.0 - np.exp(exponent) / size
