"""The Streamlit dashboard: it reads a Project and draws; it computes nothing and writes nothing."""
