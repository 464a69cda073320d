"""Networks: activations, losses and layers as functions of the tensor language, ``T.nn``.

There is no class of layers and none of models: a layer is a function of its operands, among them
its parameters, which are shared variables or inputs like any other.
"""

from gradcore.errors import no_attribute
from gradcore.ops.scalars import sigmoid as sigmoid
from gradcore.ops.scalars import softplus as softplus
from gradcore.ops.scalars import tanh as tanh
from gradcore.tensor.elementwise import relu as relu
from gradcore.tensor.nn.activations import celu as celu
from gradcore.tensor.nn.activations import elu as elu
from gradcore.tensor.nn.activations import gelu as gelu
from gradcore.tensor.nn.activations import glu as glu
from gradcore.tensor.nn.activations import hard_sigmoid as hard_sigmoid
from gradcore.tensor.nn.activations import hard_swish as hard_swish
from gradcore.tensor.nn.activations import hard_tanh as hard_tanh
from gradcore.tensor.nn.activations import leaky_relu as leaky_relu
from gradcore.tensor.nn.activations import log_sigmoid as log_sigmoid
from gradcore.tensor.nn.activations import mish as mish
from gradcore.tensor.nn.activations import relu6 as relu6
from gradcore.tensor.nn.activations import selu as selu
from gradcore.tensor.nn.activations import silu as silu
from gradcore.tensor.nn.activations import softsign as softsign
from gradcore.tensor.nn.activations import sparse_plus as sparse_plus
from gradcore.tensor.nn.activations import sparse_sigmoid as sparse_sigmoid
from gradcore.tensor.nn.activations import squareplus as squareplus
from gradcore.tensor.nn.alignment import ctc_loss as ctc_loss
from gradcore.tensor.nn.attention import attention as attention
from gradcore.tensor.nn.convolution import conv as conv
from gradcore.tensor.nn.convolution import conv1d as conv1d
from gradcore.tensor.nn.convolution import conv2d as conv2d
from gradcore.tensor.nn.convolution import conv3d as conv3d
from gradcore.tensor.nn.convolution import conv_transpose as conv_transpose
from gradcore.tensor.nn.losses import binary_crossentropy as binary_crossentropy
from gradcore.tensor.nn.losses import categorical_crossentropy as categorical_crossentropy
from gradcore.tensor.nn.losses import dropout as dropout
from gradcore.tensor.nn.losses import embedding as embedding
from gradcore.tensor.nn.losses import huber as huber
from gradcore.tensor.nn.losses import one_hot as one_hot
from gradcore.tensor.nn.losses import sigmoid_cross_entropy as sigmoid_cross_entropy
from gradcore.tensor.nn.losses import softmax_cross_entropy as softmax_cross_entropy
from gradcore.tensor.nn.losses import squared_error as squared_error
from gradcore.tensor.nn.normalization import batch_norm as batch_norm
from gradcore.tensor.nn.normalization import batch_norm_inference as batch_norm_inference
from gradcore.tensor.nn.normalization import group_norm as group_norm
from gradcore.tensor.nn.normalization import layer_norm as layer_norm
from gradcore.tensor.nn.normalization import rms_norm as rms_norm
from gradcore.tensor.nn.optimizers import adagrad as adagrad
from gradcore.tensor.nn.optimizers import adam as adam
from gradcore.tensor.nn.optimizers import adamw as adamw
from gradcore.tensor.nn.optimizers import momentum as momentum
from gradcore.tensor.nn.optimizers import nesterov as nesterov
from gradcore.tensor.nn.optimizers import rmsprop as rmsprop
from gradcore.tensor.nn.optimizers import sgd as sgd
from gradcore.tensor.nn.pooling import adaptive_average_pool as adaptive_average_pool
from gradcore.tensor.nn.pooling import adaptive_max_pool as adaptive_max_pool
from gradcore.tensor.nn.pooling import average_pool as average_pool
from gradcore.tensor.nn.pooling import global_average_pool as global_average_pool
from gradcore.tensor.nn.pooling import global_max_pool as global_max_pool
from gradcore.tensor.nn.pooling import max_pool as max_pool
from gradcore.tensor.nn.pooling import sum_pool as sum_pool
from gradcore.tensor.nn.recurrent import gru as gru
from gradcore.tensor.nn.recurrent import gru_step as gru_step
from gradcore.tensor.nn.recurrent import lstm as lstm
from gradcore.tensor.nn.recurrent import lstm_step as lstm_step
from gradcore.tensor.reductions import log_softmax as log_softmax
from gradcore.tensor.reductions import softmax as softmax

swish = silu

__getattr__ = no_attribute(__name__, globals())
