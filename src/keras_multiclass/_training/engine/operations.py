"""The operations of TensorFlow that never wait for another thread.

One thread can run a trace of these operations alone. Any other operation, whether or not TensorFlow
knows it today, makes a trace run on several threads. The list covers what Keras' layers, losses,
metrics and optimizers and those of this package are traced to, and their relatives.
"""

from __future__ import annotations

_GROUPS = {
    "structure of a trace, and loops": (
        "Const EnsureShape Identity IdentityN NoOp Placeholder PlaceholderWithDefault "
        "PreventGradient StatelessWhile StopGradient While"
    ),
    "variables and optimizers": (
        "AssignAddVariableOp AssignSubVariableOp AssignVariableOp ReadVariableOp "
        "ResourceApplyAdam ResourceGather ResourceGatherNd ResourceScatterAdd "
        "ResourceScatterSub ResourceScatterUpdate VariableShape"
    ),
    "lists of tensors": (
        "EmptyTensorList TensorListElementShape TensorListFromTensor TensorListGetItem "
        "TensorListLength TensorListPopBack TensorListPushBack TensorListReserve "
        "TensorListResize TensorListSetItem TensorListStack"
    ),
    "shapes, slices and selection": (
        "BatchToSpaceND Bitcast BroadcastArgs BroadcastGradientArgs BroadcastTo Bucketize Cast "
        "Concat ConcatOffset ConcatV2 DynamicPartition DynamicStitch ExpandDims Fill Gather "
        "GatherNd GatherV2 InvertPermutation LinSpace MatrixBandPart MatrixDiagPartV3 "
        "MatrixDiagV3 MatrixSetDiagV3 MirrorPad MirrorPadGrad OneHot OnesLike Pack Pad PadV2 "
        "ParallelDynamicStitch Range Rank Reshape ReverseSequence ReverseV2 Roll ScatterNd "
        "Select SelectV2 Shape ShapeN Size Slice SpaceToBatchND Split SplitV Squeeze "
        "StridedSlice StridedSliceGrad TensorScatterAdd TensorScatterUpdate Tile Transpose "
        "Unpack Where ZerosLike"
    ),
    "element-wise arithmetic and its gradients": (
        "Abs Acos Acosh Add AddN AddV2 Asin Asinh Atan Atan2 Atanh BitwiseAnd BitwiseOr "
        "BitwiseXor Ceil ClipByValue Cos Cosh Digamma Div DivNoNan Elu EluGrad Erf Erfc Erfinv "
        "Exp Expm1 Floor FloorDiv FloorMod InvGrad Invert IsFinite IsInf IsNan LeakyRelu "
        "LeakyReluGrad LeftShift Lgamma Log Log1p Maximum Minimum Mod Mul MulNoNan Ndtri Neg "
        "NextAfter Pow RealDiv Reciprocal ReciprocalGrad Relu Relu6 Relu6Grad ReluGrad "
        "RightShift Rint Round Rsqrt RsqrtGrad Selu SeluGrad Sigmoid SigmoidGrad Sign Sin Sinh "
        "Softplus SoftplusGrad Softsign SoftsignGrad Sqrt SqrtGrad Square SquaredDifference Sub "
        "Tan Tanh TanhGrad TruncateDiv TruncateMod Xdivy Xlog1py Xlogy"
    ),
    "comparisons and logic": (
        "ApproximateEqual Equal Greater GreaterEqual Less LessEqual LogicalAnd LogicalNot "
        "LogicalOr NotEqual"
    ),
    "reductions, sorting and counting": (
        "All Any ArgMax ArgMin Bincount Cumprod Cumsum CumulativeLogsumexp DenseBincount InTopK "
        "InTopKV2 L2Loss Max Mean Min Prod SegmentMax SegmentMean SegmentMin SegmentSum Sum "
        "TopKV2 UnsortedSegmentMax UnsortedSegmentMin UnsortedSegmentProd UnsortedSegmentSum"
    ),
    "products, convolutions, pooling, normalization, losses, and their gradients": (
        "AvgPool AvgPool3D AvgPool3DGrad AvgPoolGrad BatchMatMul BatchMatMulV2 BiasAdd "
        "BiasAddGrad Conv2D Conv2DBackpropFilter Conv2DBackpropInput Conv3D "
        "Conv3DBackpropFilterV2 Conv3DBackpropInputV2 DepthwiseConv2dNative "
        "DepthwiseConv2dNativeBackpropFilter DepthwiseConv2dNativeBackpropInput Einsum "
        "FusedBatchNormGradV3 FusedBatchNormV3 LogSoftmax MatMul MaxPool MaxPool3D "
        "MaxPool3DGrad MaxPoolGrad Softmax SoftmaxCrossEntropyWithLogits "
        "SparseSoftmaxCrossEntropyWithLogits"
    ),
    "random numbers": (
        "RandomShuffle RandomStandardNormal RandomUniform RandomUniformInt StatelessMultinomial "
        "StatelessRandomGetAlg StatelessRandomGetKeyCounter StatelessRandomNormalV2 "
        "StatelessRandomUniformFullIntV2 StatelessRandomUniformIntV2 StatelessRandomUniformV2 "
        "StatelessShuffle StatelessTruncatedNormalV2 TruncatedNormal"
    ),
    "images": (
        "AdjustContrastv2 AdjustHue AdjustSaturation CropAndResize HSVToRGB "
        "ImageProjectiveTransformV3 RGBToHSV ResizeBicubic ResizeBilinear ResizeBilinearGrad "
        "ResizeNearestNeighbor ResizeNearestNeighborGrad"
    ),
}

ONE_THREAD_OPERATIONS = frozenset(" ".join(_GROUPS.values()).split())
