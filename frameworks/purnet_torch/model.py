"""The network. Its modules carry the names of the published state dict, so a checkpoint loads as it is.

Levels are 1 (finest, H/4) to 5; prefixes: none for the main decoder, `oa_` promotion, `ea_` rectification.
"""
import torch
import torch.nn.functional as F
from torch import nn

from .backbones import CHANNELS, Lite0, VGG16, resnet50_layers

LEVELS = (1, 2, 3, 4, 5)
UPSAMPLE = {1: 8, 2: 8, 3: 16, 4: 32, 5: 32}  # kernel of a level's last transposed convolution; its stride is half of it
EXTRACTOR = ("layer", "vgg.", "lite0.")  # how the names of an extractor's parameters begin


def cbp(inputs, outputs, kernel):
    return [nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2), nn.BatchNorm2d(outputs), nn.PReLU()]


def upsampler(kernel):
    """To the size of the image. The padding is the crop of `kernel / 4` rows, so that nothing outside it is computed."""
    return nn.ConvTranspose2d(1, 1, kernel, kernel // 2, kernel // 4, bias=False)


def classifier(width):
    return cbp(width, width, 3) + cbp(width, width, 1) + [nn.Conv2d(width, 1, 1)]


def promotion_attention(f, gain="one"):
    """Softmax over the positions of each channel, times softmax over the channels of the global mean."""
    n, c, h, w = f.shape
    spatial = f.flatten(2).softmax(2).view(n, c, h, w)
    channel = f.mean((2, 3), keepdim=True).softmax(1)
    attention = spatial * channel
    return attention * (c * h * w) if gain == "mean" else attention


class PurNet(nn.Module):
    """`promotion` and `rectification` switch the two attentions (paper, table II); `stage1` is the network of the first stage."""
    def __init__(self, backbone="resnet50", width=128, promotion=True, rectification=True, stage1=False, promotion_gain="one"):
        super().__init__()
        self.backbone, self.stage1, self.promotion_gain = backbone, stage1, promotion_gain
        self.promotion = promotion and not stage1
        self.rectification = rectification and not stage1

        if backbone == "resnet50":
            self.layer0, self.layer1, self.layer2, self.layer3, self.layer4 = resnet50_layers()
        elif backbone == "vgg16":
            self.vgg = VGG16()
        elif backbone == "light":
            self.lite0 = Lite0()
        else:
            raise ValueError(f"backbone {backbone!r}: choose one of {', '.join(CHANNELS)}")

        self._add_decoder("", width)
        if self.promotion:
            self._add_decoder("oa_", width)
        if self.rectification:
            self._add_decoder("ea_", width)
        for i in LEVELS:
            self._add(f"predict{i}", *classifier(width), upsampler(UPSAMPLE[i]))
            if not stage1:
                self._add(f"feature_upscore{i}_2", *cbp(width, width, 3))
            if self.promotion:
                self._add(f"oa_predict{i}", *classifier(width), upsampler(UPSAMPLE[i]))
            if self.rectification:
                for name in (f"ea_pre_predict{i}_g", f"ea_e_pre_predict{i}_e"):  # object branch, gross branch
                    self._add(name, *cbp(width, width, 3), *cbp(width, width, 3), *cbp(width, width, 1))
                for name in (f"ea_predict{i}_g", f"ea_e_predict{i}_e"):  # object classifier, regressor of the error
                    self._add(name, *classifier(width))
                    self.add_module(name + "_upscore", upsampler(UPSAMPLE[i]))

    def _add(self, name, *layers):
        self.add_module(name, nn.Sequential(*layers))

    def _add_decoder(self, prefix, width):
        for i in LEVELS:
            self._add(f"{prefix}convert{i}", *cbp(CHANNELS[self.backbone][i - 1], width, 1))
        for i in (5, 4, 3, 2):
            double = [nn.ConvTranspose2d(width, width, 4, 2, 1, bias=False)] if i in (4, 3) else []
            self._add(f"{prefix}feature_upscore{i}", *cbp(width, width, 3), *double)

    def __getitem__(self, name):
        return self._modules[name]

    def extract(self, x):
        if self.backbone == "vgg16":
            return self.vgg(x)
        if self.backbone == "light":
            return self.lite0(x)
        levels = []
        for layer in (self.layer0, self.layer1, self.layer2, self.layer3, self.layer4):
            x = layer(x)
            levels.append(x)
        return levels

    def decode(self, prefix, extracted):
        """{level: F}, from level 5 down."""
        features = {5: self[f"{prefix}convert5"](extracted[4])}
        for i in (4, 3, 2, 1):
            lateral = self[f"{prefix}convert{i}"](extracted[i - 1])
            above = self[f"{prefix}feature_upscore{i + 1}"](features[i + 1])
            features[i] = lateral + above[:, :, :lateral.shape[2], :lateral.shape[3]]
        return features

    def rectify(self, i, f):
        """Object branch O, error E = gross - object."""
        o = self[f"ea_pre_predict{i}_g"](f)
        return o, self[f"ea_e_pre_predict{i}_e"](f) - o

    def purify(self, i, f, promotion, rectification):
        """Logit of a level before cropping, from the main feature and the level's attentions (None: absent)."""
        if not self.stage1:
            if promotion is not None:
                f = f * promotion + f
            f = self[f"feature_upscore{i}_2"](f)
            if rectification is not None:
                f = f * rectification + f
        return self[f"predict{i}"](f)

    def forward(self, x):
        """Logits at the image's size: `z`, `zp`, `zo`, `ze`, each a list of levels 1 to 5 (absent where the form has none); `ap`: A_P."""
        def crop(logit):
            return logit[:, :, :x.shape[2], :x.shape[3]]

        extracted = self.extract(x)
        main = self.decode("", extracted)
        out = {"z": []}
        if self.promotion:
            promoted = self.decode("oa_", extracted)
            out |= {"zp": [], "ap": []}
        if self.rectification:
            rectified = self.decode("ea_", extracted)
            out |= {"zo": [], "ze": []}
        for i in LEVELS:
            attention = error = None
            if self.promotion:
                attention = promotion_attention(promoted[i], self.promotion_gain)
                out["ap"].append(attention)
                out["zp"].append(crop(self[f"oa_predict{i}"](promoted[i] * attention + promoted[i])))
            if self.rectification:
                o, e = self.rectify(i, rectified[i])
                error = e.tanh()
                out["zo"].append(crop(self[f"ea_predict{i}_g_upscore"](self[f"ea_predict{i}_g"](o * error + o))))
                out["ze"].append(crop(self[f"ea_e_predict{i}_e_upscore"](self[f"ea_e_predict{i}_e"](e))))
            out["z"].append(crop(self.purify(i, main[i], attention, error)))
        return out

    def level1(self, x):
        """Map sigmoid(z_1) and A_P of level 1 (None without promotion), and nothing that they do not need."""
        extracted = self.extract(x)
        attention = error = None
        if self.promotion:
            attention = promotion_attention(self.decode("oa_", extracted)[1], self.promotion_gain)
        if self.rectification:
            error = self.rectify(1, self.decode("ea_", extracted)[1])[1].tanh()
        logit = self.purify(1, self.decode("", extracted)[1], attention, error)
        return logit[:, :, :x.shape[2], :x.shape[3]].sigmoid(), attention


class Level1(nn.Module):
    """What is exported and timed: the map of level 1, with `with_attention` also A_P."""
    def __init__(self, net, with_attention=False):
        super().__init__()
        self.net, self.with_attention = net, with_attention

    def forward(self, x):
        probability, attention = self.net.level1(x)
        return (probability, attention) if self.with_attention else probability
