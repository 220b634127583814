"""What a fill of code may use beside the names of its koan: the allow-lists.

Under a module that a koan imports, only what is listed here may be used. What
is not listed is refused: files, hub, compile, extensions, processes, and the
standard modules that torch happens to expose.
"""

from __future__ import annotations

from fnmatch import fnmatchcase
from functools import cache


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


BUILTINS = _words(
    """abs all any bool callable complex dict divmod enumerate filter float frozenset
    hasattr int isinstance issubclass iter len list map max min next pow print range
    repr reversed round set slice sorted str sum tuple zip
    ArithmeticError AttributeError Exception FloatingPointError IndexError KeyError
    LookupError NotImplementedError OverflowError RuntimeError StopIteration TypeError
    ValueError ZeroDivisionError"""
)

# Module by module; * stands for anything, [A-Z]* for whatever is a class.
MODULES: dict[str, str] = {
    "torch": """
        tensor as_tensor asarray scalar_tensor zeros ones full empty eye arange linspace
        logspace zeros_like ones_like full_like empty_like rand randn randint randperm
        rand_like randn_like randint_like normal bernoulli multinomial poisson
        manual_seed seed initial_seed Generator

        abs absolute add addcdiv addcmul bitwise_and bitwise_not bitwise_or bitwise_xor
        ceil clamp clamp_max clamp_min clip copysign div divide erf exp exp2 expm1 fix
        float_power floor floor_divide fmod frac lerp log log10 log1p log2 logaddexp
        logit mul multiply nan_to_num neg negative positive pow reciprocal remainder
        round rsqrt sgn sigmoid sign signbit sqrt square sub subtract true_divide trunc
        sin cos tan asin acos atan atan2 sinh cosh tanh hypot relu softmax log_softmax

        all allclose amax amin aminmax any argmax argmin argsort count_nonzero cummax
        cummin cumprod cumsum diff dist eq equal ge gt isclose isfinite isin isinf isnan
        isreal kthvalue le logcumsumexp logical_and logical_not logical_or logical_xor
        logsumexp lt max maximum mean median min minimum mode nanmean nansum ne norm
        prod quantile sort std std_mean sum topk unique var var_mean

        addmm baddbmm bmm cdist chain_matmul cross det diag diag_embed diagonal dot
        einsum inner inverse kron matmul matrix_power mm mv outer tensordot trace tril
        triu vdot

        atleast_1d atleast_2d broadcast_tensors broadcast_to bucketize cat chunk
        clone column_stack concat concatenate detach dstack flatten flip gather hstack
        index_add index_fill index_select masked_fill masked_select meshgrid moveaxis
        movedim narrow nonzero numel permute ravel repeat_interleave reshape roll
        scatter scatter_add searchsorted select split squeeze stack swapaxes t take
        take_along_dim tensor_split tile transpose unbind unflatten unsqueeze
        view_as_real vstack where sparse_coo_tensor embedding dropout layer_norm
        batch_norm

        is_tensor is_floating_point is_complex is_nonzero result_type promote_types
        can_cast get_default_dtype set_default_dtype get_default_device finfo iinfo
        no_grad enable_grad set_grad_enabled is_grad_enabled inference_mode vmap
        autocast is_autocast_enabled

        Tensor Size device dtype inf nan pi e strided sparse_coo preserve_format
        contiguous_format float float16 float32 float64 half double bfloat16 int int8
        int16 int32 int64 short long uint8 bool complex64 complex128 cfloat cdouble
        """,
    "torch.autograd": """backward grad no_grad enable_grad set_grad_enabled
        inference_mode detect_anomaly set_detect_anomaly""",
    "torch.autograd.functional": "hessian hvp jacobian jvp vhp vjp",
    "torch.autograd.graph": "saved_tensors_hooks save_on_cpu",
    "torch.nn": "[A-Z]*",
    "torch.nn.parameter": "Parameter Buffer",
    "torch.nn.init": """constant_ eye_ kaiming_normal_ kaiming_uniform_ normal_ ones_
        orthogonal_ trunc_normal_ uniform_ xavier_normal_ xavier_uniform_ zeros_""",
    "torch.nn.utils": """clip_grad_norm_ clip_grad_value_ clip_grads_with_norm_
        get_total_norm parameters_to_vector vector_to_parameters""",
    "torch.nn.functional": """binary_cross_entropy binary_cross_entropy_with_logits
        batch_norm bilinear celu conv1d conv2d conv3d cosine_embedding_loss
        cosine_similarity cross_entropy ctc_loss dropout elu embedding embedding_bag
        gaussian_nll_loss gelu glu group_norm gumbel_softmax hardsigmoid hardswish
        hardtanh hinge_embedding_loss huber_loss instance_norm kl_div l1_loss layer_norm
        leaky_relu linear log_softmax logsigmoid margin_ranking_loss max_pool1d
        max_pool2d mish mse_loss multi_margin_loss nll_loss normalize one_hot pad
        pairwise_distance poisson_nll_loss prelu relu relu6 rms_norm selu sigmoid silu
        smooth_l1_loss soft_margin_loss softmax softmin softplus softsign tanh threshold
        triplet_margin_loss""",
    "torch.optim": "[A-Z]*",
    "torch.optim.lr_scheduler": "*LR *Scheduler ReduceLROnPlateau *WarmRestarts",
    "torch.amp": "autocast GradScaler",
    "torch.func": """functional_call grad grad_and_value hessian jacfwd jacrev jvp
        linearize stack_module_state vjp vmap""",
    "torch.linalg": """cholesky cross det diagonal eigh eigvalsh inv lstsq matmul
        matrix_norm matrix_power multi_dot norm pinv qr slogdet solve svd svdvals
        vecdot vector_norm""",
    "torch.sparse": "mm sum softmax log_softmax",
    "copy": "copy deepcopy",
    "math": """ceil comb copysign cos dist e exp fabs floor fmod frexp fsum gcd hypot
        inf isclose isfinite isinf isnan isqrt lcm ldexp log log10 log1p log2 modf nan
        nextafter pi pow prod remainder sin sqrt tan tanh tau trunc ulp""",
    "pytest": "approx raises",
}

# Attributes of a tensor or a module that a fill may give another value.
ASSIGNABLE = _words("grad data requires_grad grad_dtype weight bias training")

# Attributes that lead out of a koan: into frames, files, memory, other processes.
FORBIDDEN = _words(
    """compile data_ptr format format_map from_file map_ module_load mro numpy
    set_ share_memory share_memory_ storage typed_storage untyped_storage"""
)
FORBIDDEN_STARTS = ("ag_", "co_", "cr_", "f_", "func_", "gi_", "tb_")
PRIVATE_BUT_FREE = _words("_ _nnz _version _indices _values")


@cache
def _patterns(module: str) -> tuple[frozenset[str], tuple[str, ...]]:
    words = MODULES[module].split()
    globs = tuple(word for word in words if "*" in word)
    return frozenset(words) - set(globs), globs


@cache
def is_listed(module: str, name: str) -> bool:
    """Whether a name of a module is on its list."""
    plain, globs = _patterns(module)
    return name in plain or any(fnmatchcase(name, glob) for glob in globs)
