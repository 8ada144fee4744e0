"""The curvature of a loss at one weight vector: Hessian, sharpness, leading eigenpairs."""

from gradflow.curvature.eigenpairs import dense_hessian, hessian_operator, sharpness, top_eigenpairs

__all__ = ["dense_hessian", "hessian_operator", "sharpness", "top_eigenpairs"]
