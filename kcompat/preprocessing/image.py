"""Images of files as arrays: `keras.preprocessing.image`."""

from ..utils.image import array_to_img, img_to_array, load_img, save_img

__all__ = ["array_to_img", "img_to_array", "load_img", "save_img"]
