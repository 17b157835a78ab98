"""The three extractors. Each returns five feature maps, from H/4 to H/16."""
import torch.nn.functional as F
from torch import nn

CHANNELS = {
    "resnet50": (64, 256, 512, 1024, 2048),
    "vgg16": (128, 256, 512, 512, 512),
    "light": (16, 24, 40, 112, 320),
}


class Bottleneck(nn.Module):
    def __init__(self, inputs, planes, stride=1, dilation=1):
        super().__init__()
        outputs = 4 * planes
        self.conv1 = nn.Conv2d(inputs, planes, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(planes)
        self.conv2 = nn.Conv2d(planes, planes, 3, stride, dilation, dilation, bias=False)
        self.bn2 = nn.BatchNorm2d(planes)
        self.conv3 = nn.Conv2d(planes, outputs, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(outputs)
        self.downsample = None
        if stride != 1 or inputs != outputs:
            self.downsample = nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs))

    def forward(self, x):
        identity = x if self.downsample is None else self.downsample(x)
        x = F.relu(self.bn1(self.conv1(x)))
        x = F.relu(self.bn2(self.conv2(x)))
        return F.relu(self.bn3(self.conv3(x)) + identity)


def resnet50_layers():
    """layer0 .. layer4 of the dilated ResNet-50; the last stage keeps the resolution of the one before."""
    def stage(inputs, planes, count, stride, dilation):
        first = Bottleneck(inputs, planes, stride, dilation)
        return nn.Sequential(first, *(Bottleneck(4 * planes, planes, 1, dilation) for _ in range(count - 1)))

    stem = nn.Sequential(nn.Conv2d(3, 64, 7, 2, 3, bias=False), nn.BatchNorm2d(64), nn.ReLU(), nn.MaxPool2d(3, 2, 1))
    return [stem, stage(64, 64, 3, 1, 1), stage(256, 128, 4, 2, 1), stage(512, 256, 6, 2, 2), stage(1024, 512, 3, 1, 4)]


class VGG16(nn.Module):
    def __init__(self):
        super().__init__()
        layers, inputs = [], 3
        for channels, count in ((64, 2), (128, 2), (256, 3), (512, 3), (512, 3)):
            for _ in range(count):
                layers += [nn.Conv2d(inputs, channels, 3, padding=1), nn.ReLU()]
                inputs = channels
            layers.append(nn.MaxPool2d(2, 2, ceil_mode=True))
        self.features = nn.Sequential(*layers[:-1])

    def forward(self, x):
        levels = []
        for i, layer in enumerate(self.features):
            x = layer(x)
            if i in (9, 15, 22, 29):  # pool2, and conv3_3, conv4_3, conv5_3 after their ReLU
                levels.append(x)
        return levels + [F.max_pool2d(x, 3, 1, 1)]


class SameConv2d(nn.Conv2d):
    """A convolution whose output has ceil(n / stride) rows: the padding follows from the input, the odd one comes last."""
    def forward(self, x):
        pads = []
        for n, k, s, d in zip(x.shape[2:], self.kernel_size, self.stride, self.dilation):
            total = max((-(-n // s) - 1) * s + (k - 1) * d + 1 - n, 0)
            pads.append((total // 2, total - total // 2))
        (top, bottom), (left, right) = pads
        if top == bottom and left == right:
            return F.conv2d(x, self.weight, None, self.stride, (top, left), self.dilation, self.groups)
        return F.conv2d(F.pad(x, (left, right, top, bottom)), self.weight, None, self.stride, 0, self.dilation, self.groups)


class MBConv(nn.Module):
    def __init__(self, inputs, outputs, expansion, kernel, stride, dilation):
        super().__init__()
        def norm(channels):
            return nn.BatchNorm2d(channels, eps=1e-3, momentum=0.01)

        wide = inputs * expansion
        self.add = stride == 1 and inputs == outputs
        self._expand_conv = None
        if expansion != 1:
            self._expand_conv, self._bn0 = nn.Conv2d(inputs, wide, 1, bias=False), norm(wide)
        self._depthwise_conv = SameConv2d(wide, wide, kernel, stride, dilation=dilation, groups=wide, bias=False)
        self._bn1 = norm(wide)
        self._project_conv, self._bn2 = nn.Conv2d(wide, outputs, 1, bias=False), norm(outputs)

    def forward(self, x):
        y = x if self._expand_conv is None else F.relu6(self._bn0(self._expand_conv(x)))
        y = F.relu6(self._bn1(self._depthwise_conv(y)))
        y = self._bn2(self._project_conv(y))
        return x + y if self.add else y


class Lite0(nn.Module):
    """EfficientNet-Lite0 without its head; block 11 loses its stride, blocks 12 to 15 are dilated instead."""
    ROWS = ((1, 3, 1, 16, 1), (6, 3, 2, 24, 2), (6, 5, 2, 40, 2), (6, 3, 2, 80, 3), (6, 5, 1, 112, 3), (6, 5, 2, 192, 4), (6, 3, 1, 320, 1))

    def __init__(self):
        super().__init__()
        self._conv_stem = SameConv2d(3, 32, 3, 2, bias=False)
        self._bn0 = nn.BatchNorm2d(32, eps=1e-3, momentum=0.01)
        self._blocks = nn.ModuleList()
        inputs = 32
        for expansion, kernel, stride, outputs, count in self.ROWS:
            for repeat in range(count):
                number = len(self._blocks)
                step = stride if repeat == 0 and number != 11 else 1
                self._blocks.append(MBConv(inputs, outputs, expansion, kernel, step, 2 if number >= 12 else 1))
                inputs = outputs

    def forward(self, x):
        x = F.relu6(self._bn0(self._conv_stem(x)))
        levels = []
        for i, block in enumerate(self._blocks):
            x = block(x)
            if i in (0, 2, 4, 10, 15):
                levels.append(F.max_pool2d(x, 3, 2, 1) if i == 0 else x)
        return levels
