// Operators that are not read, and why.
#include "adret/io/onnx/operators.h"

namespace adret::onnx {
namespace {

constexpr absl::string_view kStrings = "there are no strings among adret's dtypes; prepare texts before the network";
constexpr absl::string_view kSequences =
    "values are tensors, never sequences; stack the tensors along an axis, or give them as inputs of their own";
constexpr absl::string_view kTrees =
    "it is no differentiable function of tensors; run it beside the network, or export a differentiable model";
constexpr absl::string_view kMaps = "there are no strings and maps among values; do it before or after the network";
constexpr absl::string_view kClassic =
    "models of ai.onnx.ml are not read; export it as products and element-wise operators of ai.onnx";
constexpr absl::string_view kTraining =
    "files with a training step are not read; read the network and use Gradients() and an optimiser of nn/";

const OperatorRegistration kText({
    {.name = "StringConcat", .since = 20, .unsupported = kStrings},
    {.name = "StringNormalizer", .since = 10, .unsupported = kStrings},
    {.name = "StringSplit", .since = 20, .unsupported = kStrings},
    {.name = "RegexFullMatch", .since = 20, .unsupported = kStrings},
    {.name = "TfIdfVectorizer", .since = 9, .unsupported = "its result counts n-grams: do that before the network"},
    {.name = "ImageDecoder", .since = 20, .unsupported = "pictures are decoded before the network: io/png.h"},
});

const OperatorRegistration kSequence({
    {.name = "SequenceAt", .since = 11, .unsupported = kSequences},
    {.name = "SequenceConstruct", .since = 11, .unsupported = kSequences},
    {.name = "SequenceEmpty", .since = 11, .unsupported = kSequences},
    {.name = "SequenceErase", .since = 11, .unsupported = kSequences},
    {.name = "SequenceInsert", .since = 11, .unsupported = kSequences},
    {.name = "SequenceLength", .since = 11, .unsupported = kSequences},
    {.name = "SequenceMap", .since = 17, .unsupported = kSequences},
    {.name = "SplitToSequence", .since = 11, .unsupported = kSequences},
    {.name = "ConcatFromSequence", .since = 11, .unsupported = kSequences},
});

const OperatorRegistration kMl({
    {.name = "ArrayFeatureExtractor", .domain = "ai.onnx.ml", .unsupported = "Gather of ai.onnx does the same"},
    {.name = "Binarizer", .domain = "ai.onnx.ml", .unsupported = "Greater and Cast of ai.onnx do the same"},
    {.name = "CastMap", .domain = "ai.onnx.ml", .unsupported = kMaps},
    {.name = "CategoryMapper", .domain = "ai.onnx.ml", .unsupported = kMaps},
    {.name = "DictVectorizer", .domain = "ai.onnx.ml", .unsupported = kMaps},
    {.name = "FeatureVectorizer", .domain = "ai.onnx.ml", .unsupported = "Concat of ai.onnx does the same"},
    {.name = "Imputer", .domain = "ai.onnx.ml", .unsupported = "IsNaN and Where of ai.onnx do the same"},
    {.name = "LabelEncoder", .domain = "ai.onnx.ml", .unsupported = kMaps},
    {.name = "LinearClassifier", .domain = "ai.onnx.ml", .unsupported = kClassic},
    {.name = "LinearRegressor", .domain = "ai.onnx.ml", .unsupported = kClassic},
    {.name = "Normalizer", .domain = "ai.onnx.ml", .unsupported = "LpNormalization of ai.onnx does the same"},
    {.name = "OneHotEncoder", .domain = "ai.onnx.ml", .unsupported = "OneHot of ai.onnx does the same for integers"},
    {.name = "SVMClassifier", .domain = "ai.onnx.ml", .unsupported = kClassic},
    {.name = "SVMRegressor", .domain = "ai.onnx.ml", .unsupported = kClassic},
    {.name = "Scaler", .domain = "ai.onnx.ml", .unsupported = "Sub and Mul of ai.onnx do the same"},
    {.name = "TreeEnsemble", .since = 5, .domain = "ai.onnx.ml", .unsupported = kTrees},
    {.name = "TreeEnsembleClassifier", .domain = "ai.onnx.ml", .unsupported = kTrees},
    {.name = "TreeEnsembleRegressor", .domain = "ai.onnx.ml", .unsupported = kTrees},
    {.name = "ZipMap", .domain = "ai.onnx.ml", .unsupported = kMaps},
});

const OperatorRegistration kPreviewTraining({
    {.name = "Adagrad", .domain = "ai.onnx.preview.training", .unsupported = kTraining},
    {.name = "Adam", .domain = "ai.onnx.preview.training", .unsupported = kTraining},
    {.name = "Gradient", .domain = "ai.onnx.preview.training", .unsupported = kTraining},
    {.name = "Momentum", .domain = "ai.onnx.preview.training", .unsupported = kTraining},
});

}  // namespace
}  // namespace adret::onnx
