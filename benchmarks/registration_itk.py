"""SimpleITK and elastix on a pair; each needs its recipe spelled out."""

import numpy as np
from registration_process import coordinate_images

SEED = 20


def sitk_rigid(fixed, moving, clock):
    import SimpleITK

    images = sitk_volume(fixed), sitk_volume(moving)
    with clock():
        start = SimpleITK.CenteredTransformInitializer(*images, SimpleITK.Euler3DTransform())
        found = _linear(*images, start, rate=2.0, n_iterations=300)
    return _warped(images[0], moving, found)


def sitk_demons(fixed, moving, clock):
    """An affine map, histograms matched, then diffeomorphic demons of the ITK kind on a pyramid of 4, 2, 1."""
    import SimpleITK

    images = sitk_volume(fixed), sitk_volume(moving)
    with clock():
        start = SimpleITK.CenteredTransformInitializer(*images, SimpleITK.AffineTransform(3))
        affine = _linear(*images, start, rate=2.0, n_iterations=300)
        moved = SimpleITK.Resample(images[1], images[0], affine, SimpleITK.sitkLinear, 0.0)
        moved = SimpleITK.HistogramMatching(moved, images[0], 256, 15, thresholdAtMeanIntensity=True)
        field = None
        for factor, n_iterations in ((4, 50), (2, 50), (1, 40)):
            target, source = (_shrunk(image, factor) for image in (images[0], moved))
            demons = SimpleITK.DiffeomorphicDemonsRegistrationFilter()
            demons.SetNumberOfIterations(n_iterations)
            demons.SetStandardDeviations(1.5)
            if field is None:
                field = demons.Execute(target, source)
            else:
                field = demons.Execute(target, source, SimpleITK.Resample(field, target))
        warp = SimpleITK.DisplacementFieldTransform(SimpleITK.Cast(field, SimpleITK.sitkVectorFloat64))
    return _warped(images[0], moving, SimpleITK.CompositeTransform([affine, warp]))


def _linear(fixed, moving, start, rate, n_iterations):
    import SimpleITK

    method = SimpleITK.ImageRegistrationMethod()
    method.SetMetricAsMattesMutualInformation(32)
    method.SetMetricSamplingStrategy(method.REGULAR)
    method.SetMetricSamplingPercentage(0.2, SEED)
    method.SetInterpolator(SimpleITK.sitkLinear)
    method.SetOptimizerAsRegularStepGradientDescent(rate, 1e-4, n_iterations)
    method.SetOptimizerScalesFromPhysicalShift()
    method.SetShrinkFactorsPerLevel([4, 2, 1])
    method.SetSmoothingSigmasPerLevel([2, 1, 0])
    method.SetInitialTransform(start, inPlace=False)
    return method.Execute(fixed, moving)


def _shrunk(image, factor):
    import SimpleITK

    if factor == 1:
        return image
    smooth = SimpleITK.SmoothingRecursiveGaussian(image, [0.5 * factor * s for s in image.GetSpacing()])
    return SimpleITK.Shrink(smooth, [factor] * 3)


def _warped(fixed, moving, transform):
    import SimpleITK

    images = (sitk_image(array, moving.geometry) for array in coordinate_images(moving.geometry))
    return np.stack(
        [sitk_array(SimpleITK.Resample(image, fixed, transform, SimpleITK.sitkLinear)) for image in images], axis=-1
    )


def sitk_volume(volume):
    return sitk_image(volume.array, volume.geometry)


def sitk_image(array, grid):
    import SimpleITK

    image = SimpleITK.GetImageFromArray(np.asarray(array, np.float32))
    image.SetSpacing(grid.spacing)
    image.SetOrigin(grid.origin)
    image.SetDirection(np.ravel(grid.direction).tolist())
    return image


def sitk_array(image):
    import SimpleITK

    return SimpleITK.GetArrayFromImage(image)


def elastix(*stages):
    """Each stage on the moving image as the one before left it: two in one call crash."""

    def tool(fixed, moving, clock):
        import itk

        target, source = (_itk_image(v.array, v.geometry) for v in (fixed, moving))
        found = []
        with clock():
            for kind, knobs in stages:
                parameters = itk.ParameterObject.New()
                chosen = parameters.GetDefaultParameterMap(kind, 4)
                chosen.update({name: [str(value)] for name, value in knobs.items()})
                chosen["RandomSeed"] = [str(SEED)]
                parameters.AddParameterMap(chosen)
                source, transform = itk.elastix_registration_method(
                    target, source, parameter_object=parameters, log_to_console=False
                )
                found.append(transform)
        warped = []
        for array in coordinate_images(moving.geometry):
            image = _itk_image(array, moving.geometry)
            for transform in found:
                transform.SetParameter(0, "FinalBSplineInterpolationOrder", "1")
                image = itk.transformix_filter(image, transform)
            warped.append(np.array(itk.array_view_from_image(image)))
        return np.stack(warped, axis=-1)

    return tool


def _itk_image(array, grid):
    import itk

    image = itk.image_from_array(np.ascontiguousarray(array, np.float32))
    image.SetSpacing(grid.spacing)
    image.SetOrigin(grid.origin)
    image.SetDirection(itk.matrix_from_array(np.asarray(grid.direction)))
    return image
