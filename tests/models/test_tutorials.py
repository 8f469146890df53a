"""Code as Keras's tutorials and examples write it, with nothing but the import changed.

What trains is left out; shapes, names, configs and predictions are checked.
"""

import json

import numpy as np
import pytest

import kcompat as tf
from kcompat import keras
from kcompat.keras import layers
from kcompat.keras.layers import Conv2D, Dense, Dropout, Flatten, MaxPooling2D
from kcompat.keras.models import Model, Sequential
from kcompat.keras.utils import to_categorical

rng = np.random.default_rng(0)


def test_mnist_mlp():
    x_test = rng.integers(0, 256, (10, 28, 28)).reshape(10, 784).astype("float32") / 255
    y_test = to_categorical(rng.integers(0, 10, 10), 10)

    model = Sequential()
    model.add(Dense(512, activation="relu", input_shape=(784,)))
    model.add(Dropout(0.2))
    model.add(Dense(512, activation="relu"))
    model.add(Dropout(0.2))
    model.add(Dense(10, activation="softmax"))
    model.summary()
    model.compile(loss="categorical_crossentropy", optimizer="rmsprop", metrics=["accuracy"])

    prediction = model.predict(x_test, verbose=0)
    assert prediction.shape == y_test.shape
    np.testing.assert_allclose(prediction.sum(axis=1), 1, rtol=1e-5)
    assert model.count_params() == 669706
    assert model.input_shape == (None, 784)


def test_mnist_cnn():
    model = keras.Sequential(
        [
            keras.Input(shape=(28, 28, 1)),
            layers.Conv2D(32, kernel_size=(3, 3), activation="relu"),
            layers.MaxPooling2D(pool_size=(2, 2)),
            layers.Conv2D(64, kernel_size=(3, 3), activation="relu"),
            layers.MaxPooling2D(pool_size=(2, 2)),
            layers.Flatten(),
            layers.Dropout(0.5),
            layers.Dense(10, activation="softmax"),
        ]
    )
    assert model.count_params() == 34826
    assert model.output_shape == (None, 10)
    image = rng.random((28, 28))
    assert model.predict(np.expand_dims(image, 0)).argmax(axis=1).shape == (1,)


def test_cifar10_cnn():
    model = Sequential()
    model.add(Conv2D(32, (3, 3), padding="same", input_shape=(32, 32, 3)))
    model.add(layers.Activation("relu"))
    model.add(Conv2D(32, (3, 3)))
    model.add(layers.Activation("relu"))
    model.add(MaxPooling2D(pool_size=(2, 2)))
    model.add(Dropout(0.25))
    model.add(Flatten())
    model.add(Dense(512))
    model.add(layers.BatchNormalization())
    model.add(layers.Activation("relu"))
    model.add(Dense(10))
    model.add(layers.Activation("softmax"))
    assert model.layers[4].output.shape == (None, 15, 15, 32)
    assert model.predict(rng.random((2, 32, 32, 3)), verbose=0).shape == (2, 10)


def test_a_beginner_s_quickstart():
    model = tf.keras.models.Sequential(
        [
            tf.keras.layers.Flatten(input_shape=(28, 28)),
            tf.keras.layers.Dense(128, activation="relu"),
            tf.keras.layers.Dropout(0.2),
            tf.keras.layers.Dense(10),
        ]
    )
    x_train = rng.random((5, 28, 28))
    predictions = model(x_train[:1])
    assert np.asarray(predictions).shape == (1, 10)
    probability_model = tf.keras.Sequential([model, tf.keras.layers.Softmax()])
    np.testing.assert_allclose(np.sum(probability_model(x_train[:5]), axis=-1), 1, rtol=1e-5)


def test_the_sequential_guide():
    model = keras.Sequential()
    model.add(layers.Dense(2, activation="relu"))
    model.add(layers.Dense(3, activation="relu"))
    model.add(layers.Dense(4))
    model.pop()
    assert len(model.layers) == 2
    assert model.weights == []
    with pytest.raises(ValueError, match="not built"):
        _ = model.inputs
    y = model(np.ones((1, 4)))
    assert np.asarray(y).shape == (1, 3)
    assert len(model.weights) == 4
    model.add(layers.Dense(1, name="last"))
    assert model.predict(np.ones((2, 4)), verbose=0).shape == (2, 1)
    assert model.get_layer("last") is model.get_layer(index=-1)

    layer = layers.Dense(3)
    assert layer.weights == []
    layer(np.ones((1, 4)))
    assert [w.shape for w in layer.weights] == [(4, 3), (3,)]


def test_feature_extraction():
    initial_model = keras.Sequential(
        [
            keras.Input(shape=(50, 50, 3)),
            layers.Conv2D(8, 5, strides=2, activation="relu"),
            layers.Conv2D(8, 3, activation="relu", name="my_intermediate_layer"),
            layers.Conv2D(4, 3, activation="relu"),
        ]
    )
    every = keras.Model(inputs=initial_model.inputs, outputs=[layer.output for layer in initial_model.layers])
    one = keras.Model(inputs=initial_model.inputs, outputs=initial_model.get_layer(name="my_intermediate_layer").output)
    x = rng.random((1, 50, 50, 3))
    features = every(x)
    assert [feature.shape for feature in features] == [(1, 23, 23, 8), (1, 21, 21, 8), (1, 19, 19, 4)]
    np.testing.assert_allclose(one(x), features[1], rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(initial_model(x), features[2], rtol=1e-4, atol=1e-5)


def test_transfer_learning():
    base_inputs = keras.Input((32, 32, 3))
    x = layers.Conv2D(4, 3)(base_inputs)
    base_model = keras.Model(base_inputs, layers.BatchNormalization()(x), name="base")
    base_model.trainable = False

    x = base_model.output
    x = layers.GlobalAveragePooling2D()(x)
    predictions = layers.Dense(7, activation="softmax")(x)
    model = Model(inputs=base_model.input, outputs=predictions)
    assert [w.path for w in model.trainable_weights] == [w.path for w in model.layers[-1].weights]

    inputs = keras.Input(shape=(32, 32, 3))
    x = base_model(inputs, training=False)
    x = layers.GlobalAveragePooling2D()(x)
    wrapped = keras.Model(inputs, layers.Dense(1)(x))
    assert len(wrapped.trainable_weights) == 2
    assert len(wrapped.non_trainable_weights) == 6
    image = rng.random((1, 32, 32, 3))
    assert wrapped.predict(image, verbose=0).shape == (1, 1)
    assert model.predict(image, verbose=0).shape == (1, 7)


def test_the_functional_guide():
    inputs = keras.Input(shape=(784,))
    assert inputs.shape == (None, 784)
    assert inputs.dtype == "float32"
    dense = layers.Dense(64, activation="relu")
    x = dense(inputs)
    x = layers.Dense(64, activation="relu")(x)
    outputs = layers.Dense(10)(x)
    model = keras.Model(inputs=inputs, outputs=outputs, name="mnist_model")
    assert [type(layer).__name__ for layer in model.layers] == ["InputLayer", "Dense", "Dense", "Dense"]
    assert model.name == "mnist_model"
    assert model.count_params() == 55050


def test_an_autoencoder_of_nested_models():
    encoder_input = keras.Input(shape=(28, 28, 1), name="original_img")
    x = layers.Conv2D(16, 3, activation="relu")(encoder_input)
    x = layers.Conv2D(32, 3, activation="relu")(x)
    x = layers.MaxPooling2D(3)(x)
    encoder_output = layers.GlobalMaxPooling2D()(x)
    encoder = keras.Model(encoder_input, encoder_output, name="encoder")

    decoder_input = keras.Input(shape=(32,), name="encoded_img")
    x = layers.Reshape((4, 8, 1))(decoder_input)
    x = layers.Conv2DTranspose(4, 3, activation="relu")(x)
    decoder_output = layers.UpSampling2D(2)(x)
    decoder = keras.Model(decoder_input, decoder_output, name="decoder")

    autoencoder_input = keras.Input(shape=(28, 28, 1), name="img")
    autoencoder = keras.Model(autoencoder_input, decoder(encoder(autoencoder_input)), name="autoencoder")
    autoencoder.summary()
    image = rng.random((2, 28, 28, 1))
    np.testing.assert_allclose(
        autoencoder.predict(image, verbose=0),
        decoder.predict(encoder.predict(image, verbose=0), verbose=0),
        rtol=1e-4,
        atol=1e-5,
    )


def test_ensembling():
    def get_model():
        inputs = keras.Input(shape=(128,))
        return keras.Model(inputs, layers.Dense(1)(inputs))

    models = [get_model() for _ in range(3)]
    inputs = keras.Input(shape=(128,))
    outputs = layers.average([model(inputs) for model in models])
    ensemble = keras.Model(inputs=inputs, outputs=outputs)
    x = rng.random((4, 128)).astype("float32")
    np.testing.assert_allclose(ensemble(x), np.mean([model(x) for model in models], axis=0), rtol=1e-4, atol=1e-5)


def test_several_inputs_and_outputs():
    title = keras.Input(shape=(10,), name="title")
    body = keras.Input(shape=(20,), name="body")
    tags = keras.Input(shape=(12,), name="tags")
    x = layers.concatenate([layers.Dense(8)(title), layers.Dense(8)(body), tags])
    priority_pred = layers.Dense(1, name="priority")(x)
    department_pred = layers.Dense(4, name="department")(x)
    model = keras.Model(inputs=[title, body, tags], outputs={"priority": priority_pred, "department": department_pred})
    data = {"title": rng.random((3, 10)), "body": rng.random((3, 20)), "tags": rng.integers(0, 2, (3, 12))}
    result = model.predict(data, verbose=0)
    assert {name: array.shape for name, array in result.items()} == {"priority": (3, 1), "department": (3, 4)}
    assert model.input_names == ["title", "body", "tags"]


def test_a_toy_resnet():
    inputs = keras.Input(shape=(32, 32, 3), name="img")
    x = layers.Conv2D(8, 3, activation="relu")(inputs)
    block_1_output = layers.MaxPooling2D(3)(x)
    x = layers.Conv2D(8, 3, activation="relu", padding="same")(block_1_output)
    block_2_output = layers.add([x, block_1_output])
    x = layers.GlobalAveragePooling2D()(block_2_output)
    model = keras.Model(inputs, layers.Dense(10)(x), name="toy_resnet")
    assert model.predict(rng.random((1, 32, 32, 3)), verbose=0).shape == (1, 10)


def test_a_siamese_network():
    def create_base_network(input_shape):
        network_input = keras.Input(shape=input_shape)
        x = layers.Flatten()(network_input)
        return Model(network_input, Dense(16, activation="relu")(x))

    base_network = create_base_network((28, 28))
    input_a, input_b = keras.Input(shape=(28, 28)), keras.Input(shape=(28, 28))
    merged = layers.Subtract()([base_network(input_a), base_network(input_b)])
    model = Model([input_a, input_b], layers.Dense(1, activation="sigmoid")(merged))
    x = rng.random((2, 28, 28))
    result = model.predict([x, x], verbose=0)
    np.testing.assert_allclose(result, np.full((2, 1), 0.5), rtol=1e-4, atol=1e-5)
    assert len(model.weights) == 4


def test_sentiment_of_reviews():
    x_test = keras.preprocessing.sequence.pad_sequences([[1, 5, 3], [2] * 30], maxlen=20)
    inputs = keras.Input(shape=(None,), dtype="int32")
    x = layers.Embedding(1000, 16)(inputs)
    x = layers.Bidirectional(layers.LSTM(8, return_sequences=True))(x)
    x = layers.Bidirectional(layers.LSTM(8))(x)
    model = keras.Model(inputs, layers.Dense(1, activation="sigmoid")(x))
    prediction = model.predict(x_test, verbose=0)
    assert prediction.shape == (2, 1)
    assert ((prediction > 0) & (prediction < 1)).all()


def test_weights_and_configs():
    model = keras.Sequential([keras.Input((3,)), layers.Dense(4, name="a"), layers.Dense(2, name="b")])
    layer = model.get_layer("a")
    kernel, bias = layer.get_weights()
    layer.set_weights([kernel * 0, bias + 1])
    assert model.layers[0].bias.numpy().tolist() == [1, 1, 1, 1]
    np.testing.assert_array_equal(model.layers[0].kernel.value, np.zeros((3, 4)))
    config = layer.get_config()
    config["units"] = 5
    assert layers.Dense.from_config(config).units == 5

    copy = keras.models.model_from_json(model.to_json())
    copy.set_weights(model.get_weights())
    x = rng.random((2, 3))
    np.testing.assert_array_equal(copy(x), model(x))
    again = keras.Sequential.from_config(model.get_config())
    assert json.loads(again.to_json())["config"] == json.loads(model.to_json())["config"]
    clone = keras.models.clone_model(model)
    assert clone.to_json() == model.to_json()

    x = keras.Input((3,), name="x")
    graph = keras.Model(x, layers.Dense(2)(x))
    assert keras.Model.from_config(graph.get_config()).to_json() == graph.to_json()


def test_freezing():
    model = keras.Sequential([keras.Input((3,)), layers.Dense(4), layers.Dense(2)])
    model.layers[0].trainable = False
    assert len(model.trainable_weights) == 2
    model.trainable = False
    assert model.trainable_weights == []
    model.trainable = True
    for layer in model.layers[:-1]:
        layer.trainable = False
    assert [w is model.layers[-1].kernel for w in model.trainable_weights] == [True, False]


def test_a_layer_of_one_s_own():
    class Linear(keras.Layer):
        def __init__(self, units=32, **kwargs):
            super().__init__(**kwargs)
            self.units = units

        def build(self, input_shape):
            self.w = self.add_weight(shape=(input_shape[-1], self.units), initializer="ones", name="w")

        def emit(self, b, x):
            return b.matmul(x, self.w)

        def get_config(self):
            return {**super().get_config(), "units": self.units}

    model = keras.Sequential([keras.Input((3,)), Linear(2)])
    np.testing.assert_array_equal(model(np.ones((1, 3))), [[3, 3]])
    with keras.saving.custom_object_scope({"Linear": Linear}):
        copy = keras.models.model_from_json(model.to_json())
    assert copy.layers[0].units == 2
