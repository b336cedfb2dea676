import runs_at_hand


def test_models_trained_here_are_chosen_first(open_page, store):
    runs = [runs_at_hand.done(store) for _ in range(3)]

    app = open_page("accuracy")

    assert _models(app) == [f"run/{run.id}" for run in (runs[2], runs[1])]


def _models(app):
    return app.multiselect(key="models").value


def test_a_link_chooses_the_models_and_another_page_keeps_them(open_page):
    app = open_page("accuracy", models=["bundled/vgg", "run/typed"])
    assert _models(app) == ["bundled/vgg", "run/typed"]

    app.query_params.clear()  # what choosing a page in the navigation does
    app.switch_page("app_pages/robustness.py").run()

    assert _models(app) == ["bundled/vgg", "run/typed"]
    assert app.query_params["models"] == ["bundled/vgg", "run/typed"]


def test_the_address_names_the_default_too_and_follows_the_choice(open_page):
    app = open_page("accuracy")
    assert app.query_params["models"] == _models(app)[0] == "bundled/resnet"

    app.multiselect(key="models").set_value(["bundled/vit"]).run()

    assert _models(app) == ["bundled/vit"]
    assert app.query_params["models"] == "bundled/vit"


def test_no_more_models_than_the_picker_takes_come_from_the_address(open_page):
    app = open_page("accuracy", models=[f"run/{i}" for i in range(9)])

    assert len(_models(app)) == 4
