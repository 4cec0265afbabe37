"""From raw video to the features that the systems are given: decoding, networks, the prepared file, composed clips."""
from vscg.features import composed, efficientnet, extract, networks, vgg19, vggish, video, weights
