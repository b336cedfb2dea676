"""Forms hold what they held: through other pages, through what is hidden, through a reload."""

import pytest
from streamlit.proto.WidgetStates_pb2 import WidgetStates
from streamlit.testing.v1 import AppTest

from dashboard import memory
from dashboard.components.shared import lane
from usable_core.evaluations.interactive import Answer


def form():
    """Two pages; widgets of every kind, of which one is shown on request."""
    import streamlit as st

    from dashboard import link, memory, state

    page = st.session_state.get("wanted", "one")
    with memory.remembering(page):
        link.note()
        if page == "one":
            st.number_input("Epochs", 1, 100, 10, key="epochs")
            st.text_input("Budgets", key="budgets")
            st.slider("Between", 0.0, 1.0, (0.0, 1.0), key="between")
            st.multiselect("Methods", ["lime", "shap"], key="methods")
            st.checkbox("I trust this file", key="model_trust_file/x.pt2")
            if st.toggle("More", key="more"):
                st.number_input("Weight", 0.0, 9.0, 1.0, key="weight")
            st.button("Start", key="start")
        if page in ("one", "two"):
            state.read_address("data", ["digits"])
            st.text_input("Data", key="data", max_chars=100 if page == "one" else 90)
            state.write_address("data", [st.session_state["data"]])
        state.flush_address()
        st.caption(f"held back: {link.is_named('data', 'file/evil.pt2')}")


@pytest.fixture
def tab(monkeypatch):
    """Every session is of one tab, as after a reload."""
    monkeypatch.setattr(memory, "tab", lambda: "a" * 32)


def opened(**address):
    app = AppTest.from_function(form, default_timeout=30)
    for key, value in address.items():
        app.query_params[key] = value
    return app.run()


def go(app, page):
    app.session_state["wanted"] = page
    app.query_params.clear()  # as the browser does
    return app.run()


def filled():
    app = opened()
    app.number_input("epochs").set_value(7)
    app.text_input("budgets").set_value("4/255")
    app.slider("between").set_value((0.25, 0.5))
    app.multiselect("methods").set_value(["shap"])
    app.checkbox[0].check()
    app.toggle("more").set_value(True).run()
    app.number_input("weight").set_value(3.0)
    app.text_input("data").set_value("mine.zip").run()
    app.button("start").click().run()
    return app


def is_as_it_was(app):
    assert app.number_input("epochs").value == 7
    assert app.text_input("budgets").value == "4/255"
    assert app.slider("between").value == (0.25, 0.5)
    assert app.multiselect("methods").value == ["shap"]
    assert app.toggle("more").value
    assert app.number_input("weight").value == 3
    assert app.text_input("data").value == "mine.zip"
    assert not app.exception


def test_a_form_is_as_it_was_after_another_page_was_shown():
    app = filled()

    is_as_it_was(go(go(app, "three"), "one"))


def test_what_is_shared_keeps_the_last_choice_of_either_page():
    app = go(filled(), "two")
    assert app.text_input("data").value == "mine.zip"
    app.text_input("data").set_value("other.zip").run()

    assert go(app, "one").text_input("data").value == "other.zip"


def test_what_was_hidden_comes_back_with_its_last_value():
    app = filled()

    app.toggle("more").set_value(False).run()
    app.run()
    app.toggle("more").set_value(True).run()

    assert app.number_input("weight").value == 3


@pytest.mark.usefixtures("tab")
def test_a_form_is_as_it_was_after_a_reload():
    filled()

    is_as_it_was(opened())


def test_another_tab_begins_anew():
    filled()

    app = opened()

    assert app.number_input("epochs").value == 10
    assert app.text_input("data").value == "digits"


def test_a_value_is_told_again_until_the_browser_has_drawn_its_widget():
    app = opened(data="mine.zip")
    assert app.text_input("data").proto.set_value

    app._run(WidgetStates())  # a timer's, of a browser that has drawn nothing yet

    assert app.text_input("data").proto.set_value
    assert app.text_input("data").value == app.text_input("data").proto.value == "mine.zip"
    app.run()
    assert not app.text_input("data").proto.set_value  # what is being typed is not replaced


@pytest.mark.usefixtures("tab")
def test_trust_is_given_anew():
    app = filled()
    assert app.checkbox[0].value

    assert not go(go(app, "three"), "one").checkbox[0].value
    assert not opened().checkbox[0].value


@pytest.mark.usefixtures("tab")
def test_what_a_link_named_is_held_back_after_a_reload_too():
    app = opened(data="file/evil.pt2")
    assert app.text_input("data").value == "file/evil.pt2"
    assert app.caption[0].value == "held back: True"

    app = opened()  # another link, which does not name it, in the same tab

    assert app.text_input("data").value == "file/evil.pt2"
    assert app.caption[0].value == "held back: True"


def many_runs():
    """A page whose widgets are another run's each time; it tells how many are still known."""
    import streamlit as st

    from dashboard import memory

    context = st.runtime.scriptrunner.get_script_run_ctx()
    number = st.session_state["number"]
    st.text_input("Note", "kept", key="note")
    for place in range(20):
        st.button("Open", key=f"open_{number}_{place}")
    if st.button("Delete", key=f"delete_{number}"):
        st.markdown(f"deleted {number}")
    memory.let_go()
    held = context.session_state._state._new_widget_state.widget_metadata
    st.session_state["held"] = len(held)


def test_a_tab_that_looked_at_many_runs_holds_the_widgets_of_few(monkeypatch):
    monkeypatch.setattr(memory, "MOST_WIDGETS", 50)
    app, held = AppTest.from_function(many_runs, default_timeout=30), []
    for number in range(8):
        app.session_state["number"] = number
        app.run()
        held.append(app.session_state["held"])

    assert held[:3] == [22, 43, 22]
    assert max(held) <= 50
    app.text_input("note").set_value("mine")
    app.button("delete_7").click().run()
    assert [text.value for text in app.markdown] == ["deleted 7"]
    assert app.text_input("note").value == "mine"


def many_questions():
    """A page that asks other questions each time."""
    import streamlit as st

    from dashboard.components.shared import lane
    from usable_core.evaluations.interactive import ImageRequest
    from usable_core.evaluations.specs import ModelSpec

    number = st.session_state["number"]
    for place in range(4):
        lane.ask_one(ImageRequest("predict", ModelSpec("m"), text=f"{number} {place}"))
    st.session_state["held"] = [request.text for request in lane._mine().others]


def test_a_tab_that_asked_much_remembers_its_newest_questions(monkeypatch):
    monkeypatch.setattr(lane, "MOST_OTHERS", 6)
    monkeypatch.setattr(lane.interactive, "submit", lambda request: "0" * 24)
    monkeypatch.setattr(lane.interactive, "poll", lambda key: Answer("waiting"))
    app = AppTest.from_function(many_questions, default_timeout=30)
    for number in range(3):
        app.session_state["number"] = number
        app.run()
        assert not app.exception

    assert app.session_state["held"] == ["1 2", "1 3", "2 0", "2 1", "2 2", "2 3"]
