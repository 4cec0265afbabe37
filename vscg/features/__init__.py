"""From raw video to the features that the systems are given: decoding, VGG-19, VGGish, and the prepared file."""
from vscg.features import extract, vgg19, vggish, video, weights
