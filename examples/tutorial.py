"""The examples of Theano's tutorial "Derivatives in Theano", with gradcore in its place.

Run it: ``python examples/tutorial.py``.
"""

import numpy

import gradcore
import gradcore.tensor as T
from gradcore import pp

# As NumPy printed arrays when the tutorial was written.
numpy.set_printoptions(legacy="1.13")


def title(text):
    """Print a heading."""
    print(f"\n{text}\n{'-' * len(text)}")


title("The gradient of x ** 2")
x = T.dscalar("x")
y = x**2
gy = T.grad(y, x)
print(pp(gy))
f = gradcore.function([x], gy)
print(repr(f(4)))
print(numpy.allclose(f(94.2), 188.4))
print(pp(f.maker.fgraph.outputs[0]))

title("The gradient of the logistic function")
x = T.dmatrix("x")
s = T.sum(1 / (1 + T.exp(-x)))
gs = T.grad(s, x)
dlogistic = gradcore.function([x], gs)
print(repr(dlogistic([[0, 1], [-1, -2]])))

title("The Jacobian of x ** 2, by scan and by the macro")
x = T.dvector("x")
y = x**2
J, updates = gradcore.scan(
    lambda i, y, x: T.grad(y[i], x), sequences=T.arange(y.shape[0]), non_sequences=[y, x]
)
f = gradcore.function([x], J, updates=updates)
print(repr(f([4, 4])))
print(repr(gradcore.function([x], gradcore.gradient.jacobian(y, x))([4, 4])))

title("The pitfall: y_i is not a function of x")
try:
    gradcore.scan(lambda y_i, x: T.grad(y_i, x), sequences=y, non_sequences=x)
except gradcore.errors.DisconnectedInputError as error:
    print(error)

title("The Hessian of sum(x ** 2), by scan and by the macro")
x = T.dvector("x")
y = x**2
cost = y.sum()
gy = T.grad(cost, x)
H, updates = gradcore.scan(
    lambda i, gy, x: T.grad(gy[i], x), sequences=T.arange(gy.shape[0]), non_sequences=[gy, x]
)
f = gradcore.function([x], H, updates=updates)
print(repr(f([4, 4])))
print(repr(gradcore.function([x], gradcore.gradient.hessian(cost, x))([4, 4])))

title("The R-operator: a Jacobian times a vector")
W = T.dmatrix("W")
V = T.dmatrix("V")
x = T.dvector("x")
y = T.dot(x, W)
JV = T.Rop(y, W, V)
f = gradcore.function([W, V, x], JV)
print(repr(f([[1, 1], [1, 1]], [[2, 2], [2, 2]], [0, 1])))

title("The L-operator: a vector times a Jacobian")
W = T.dmatrix("W")
v = T.dvector("v")
x = T.dvector("x")
y = T.dot(x, W)
VJ = T.Lop(y, W, v)
f = gradcore.function([v, x], VJ)
print(repr(f([2, 2], [0, 1])))

title("The Hessian times a vector, by two gradients and by the R-operator")
x = T.dvector("x")
v = T.dvector("v")
y = T.sum(x**2)
gy = T.grad(y, x)
vH = T.grad(T.sum(gy * v), x)
f = gradcore.function([x, v], vH)
print(repr(f([4, 4], [2, 2])))
Hv = T.Rop(gy, x, v)
f = gradcore.function([x, v], Hv)
print(repr(f([4, 4], [2, 2])))
