//! Which fields each Clio record has: the table behind `fields=`.
//!
//! Names follow the schemas of Clio's OpenAPI document, one [`Shape`] per schema: plain fields
//! first, then the nested records with their own shape and whether there are many. A test compares
//! the table with that document.

/// The fields of one kind of record.
#[derive(Debug)]
pub struct Shape {
    /// The schema's name in Clio's OpenAPI document.
    pub name: &'static str,
    /// Plain fields, separated by spaces.
    pub scalars: &'static str,
    /// Nested records: field, shape, and whether it is an array.
    pub nested: &'static [(&'static str, &'static str, bool)],
}

impl Shape {
    /// Whether `field` is a plain field.
    pub fn has_scalar(&self, field: &str) -> bool {
        self.scalars.split(' ').any(|name| name == field)
    }

    /// The nested record under `field`: its shape, and whether there are many.
    pub fn nested(&self, field: &str) -> Option<(&'static Shape, bool)> {
        let (_, shape, many) = self.nested.iter().find(|(name, _, _)| *name == field)?;
        Some((find(shape)?, *many))
    }
}

/// The shape of that name.
pub fn find(name: &str) -> Option<&'static Shape> {
    SHAPES.iter().find(|shape| shape.name == name)
}

const fn shape(
    name: &'static str,
    scalars: &'static str,
    nested: &'static [(&'static str, &'static str, bool)],
) -> Shape {
    Shape { name, scalars, nested }
}

const ONE: bool = false;
const MANY: bool = true;
/// The document calls a currency an object; newer ones say of what.
const CURRENCY: &[(&str, &str, bool)] = &[("currency", "Currency_base", ONE)];

/// Every shape that a Clio record of this simulator can contain.
pub static SHAPES: &[Shape] = &[
    shape("AccountBalance_base", "id balance type name currency_id", &[]),
    shape("Account_base", "id etag name state created_at updated_at", &[]),
    shape(
        "ActivityDescription_base",
        "id etag name visible_to_co_counsel created_at updated_at default type utbms_activity_id \
         utbms_task_name utbms_task_id xero_service_code accessible_to_user category_type",
        CURRENCY,
    ),
    shape("ActivityRate_base", "id etag rate flat_rate created_at updated_at contact_id co_counsel_contact_id", &[]),
    shape("Address_base", "id etag street city province postal_code country name created_at updated_at primary", &[]),
    shape(
        "AttorneyAllocation_base",
        "id etag account_id resource_id resource_type originating_attorney_allocation \
         responsible_attorney_allocation created_at updated_at",
        &[],
    ),
    shape("Avatar_base", "id etag created_at updated_at url _destroy", &[]),
    shape(
        "ClioCreator_base",
        "account_owner clio_connect court_rules_default_attendee default_calendar_id email enabled etag id \
         type initials first_name last_name name phone_number rate subscription_type time_zone roles \
         created_at updated_at",
        &[],
    ),
    shape(
        "Contact",
        "id etag name first_name middle_name last_name date_of_birth type created_at updated_at prefix title \
         initials clio_connect_email locked_clio_connect_email client_connect_user_id primary_email_address \
         secondary_email_address primary_phone_number secondary_phone_number ledes_client_id \
         has_clio_for_clients_permission is_client is_clio_for_client_user is_co_counsel is_bill_recipient \
         sales_tax_number",
        &[
            ("currency", "Currency_base", ONE),
            ("activity_rates", "ActivityRate_base", MANY),
            ("addresses", "Address_base", MANY),
            ("custom_field_values", "CustomFieldValue", MANY),
            ("custom_field_set_associations", "CustomFieldSetAssociation_base", MANY),
            ("email_addresses", "EmailAddress_base", MANY),
            ("instant_messengers", "InstantMessenger_base", MANY),
            ("phone_numbers", "PhoneNumber_base", MANY),
            ("web_sites", "WebSite_base", MANY),
            ("notification_methods", "NotificationMethod_base", MANY),
            ("account_balances", "AccountBalance_base", MANY),
            ("related_contacts", "Contact_base", MANY),
            ("primary_work_address", "Address_base", ONE),
            ("primary_address", "Address_base", ONE),
            ("secondary_address", "Address_base", ONE),
            ("company", "Contact_base", ONE),
            ("avatar", "Avatar_base", ONE),
            ("payment_profile", "PaymentProfile_base", ONE),
            ("folder", "Folder_base", ONE),
            ("co_counsel_rate", "ActivityRate_base", ONE),
            ("primary_web_site", "WebSite_base", ONE),
            ("legal_aid_uk_contact", "LegalAidUkContact_base", ONE),
        ],
    ),
    shape(
        "Contact_base",
        "id etag name first_name middle_name last_name date_of_birth type created_at updated_at prefix title \
         initials clio_connect_email locked_clio_connect_email client_connect_user_id primary_email_address \
         secondary_email_address primary_phone_number secondary_phone_number ledes_client_id \
         has_clio_for_clients_permission is_client is_clio_for_client_user is_co_counsel is_bill_recipient \
         sales_tax_number",
        CURRENCY,
    ),
    shape("ContingencyFee_base", "id etag created_at updated_at show_contingency_award", &[]),
    shape("Currency_base", "id etag code sign created_at updated_at", &[]),
    shape(
        "CustomField",
        "id etag created_at updated_at name parent_type field_type displayed deleted required display_order",
        &[("picklist_options", "PicklistOption_base", MANY)],
    ),
    shape("CustomFieldMatterSelection_base", "id display_number", &[]),
    shape("CustomFieldSetAssociation_base", "id etag display_order created_at updated_at", &[]),
    shape(
        "CustomFieldValue",
        "id etag field_name created_at updated_at field_type field_required field_displayed \
         field_display_order value soft_deleted",
        &[
            ("custom_field", "CustomField", ONE),
            ("picklist_option", "PicklistOption", ONE),
            ("matter", "CustomFieldMatterSelection_base", ONE),
            ("contact", "Contact_base", ONE),
        ],
    ),
    shape(
        "Document",
        "id etag created_at updated_at deleted_at type locked name received_at filename size content_type",
        &[
            ("parent", "LinkedFolder_base", ONE),
            ("matter", "Matter_base", ONE),
            ("contact", "Contact_base", ONE),
            ("document_category", "DocumentCategory_base", ONE),
            ("creator", "ClioCreator_base", ONE),
            ("latest_document_version", "DocumentVersion", ONE),
            ("group", "Group_base", ONE),
            ("external_properties", "ExternalProperty_base", MANY),
            ("document_versions", "DocumentVersion_base", MANY),
        ],
    ),
    shape("DocumentCategory_base", "id etag name created_at updated_at", &[]),
    shape(
        "DocumentVersion",
        "id document_id etag uuid created_at updated_at filename size version_number content_type received_at \
         put_url fully_uploaded",
        &[
            ("creator", "ClioCreator_base", ONE),
            ("put_headers", "MultipartHeader_base", MANY),
            ("multiparts", "Multipart", MANY),
        ],
    ),
    shape(
        "DocumentVersion_base",
        "id document_id etag uuid created_at updated_at filename size version_number content_type received_at \
         put_url fully_uploaded",
        CURRENCY,
    ),
    shape("EmailAddress_base", "id etag address name primary created_at updated_at", &[]),
    shape("EvergreenRetainer_base", "id created_at updated_at etag minimum_threshold", &[]),
    shape("ExternalProperty_base", "id etag name value created_at updated_at", &[]),
    shape("Folder_base", "id etag created_at updated_at deleted_at type locked name root", &[]),
    shape("Group_base", "client_connect_user etag id name type updated_at", &[]),
    shape("InstantMessenger_base", "id etag address name created_at updated_at", &[]),
    shape("JobTitle_base", "id etag name initials", &[]),
    shape(
        "LegalAidUkContact_base",
        "id disability disability_code ethnicity ethnicity_title financially_eligible gender gender_title \
         national_insurance_number",
        &[],
    ),
    shape(
        "LegalAidUkMatter_base",
        "access_point laa_office_number ait_hearing_centre \
         attended_several_hearings_acting_for_multiple_clients bill_ho_ucn bill_number_of_attendances \
         bill_outcome_for_the_client_code bill_stage_reached_code case_reference case_start_date category \
         category_as_string certificate_effective_date certificate_expiration_date certificate_number \
         certificate_scope certification_type change_of_solicitor client_equal_opportunity_monitoring \
         client_type clr_start_date clr_total_profit_costs cost_limit counsel court court_id court_id_code \
         created_at delivery_location dscc_number duty_solicitor etag exceptional_case_funding_reference \
         expense_limit fee_scheme first_conducting_solicitor id irc_surgery legacy_case \
         legal_representation_number lh_total_disbursements lh_start_date lh_total_profit_costs \
         linked_matter_id local_authority_number maat_id matter_type matter_type_code matter_type_1 \
         matter_type_1_code matter_type_1_title matter_type_2 matter_type_2_code matter_type_2_title \
         matter_types_combined number_of_clients_seen_at_surgery number_of_clients party police_station \
         post_transfer_clients_represented postal_application_accepted prior_authority_reference prison_id \
         prison_law_prior_approval_number procurement_area region related_claims_number \
         representation_order_date schedule_reference_number scheme_id session_type solicitor_type \
         standard_fee_category surgery_clients_resulting_in_a_legal_help_matter_opened surgery_clients \
         surgery_date transfer_date type_of_advice type_of_service ucn ufn undesignated_area_court updated_at \
         user_type youth_court",
        &[],
    ),
    shape("LinkedFolder_base", "id etag created_at updated_at deleted_at type locked name root", &[]),
    shape(
        "Matter",
        "id etag number display_number custom_number description status location client_reference \
         client_id billable maildrop_address billing_method open_date close_date pending_date created_at \
         updated_at shared has_tasks last_activity_date matter_stage_updated_at",
        &[
            ("client", "Contact_base", ONE),
            ("currency", "Currency_base", ONE),
            ("responsible_staff", "User_base", ONE),
            ("attorney_allocation", "AttorneyAllocation_base", ONE),
            ("contingency_fee", "ContingencyFee_base", ONE),
            ("custom_rate", "MatterCustomRate", ONE),
            ("evergreen_retainer", "EvergreenRetainer_base", ONE),
            ("folder", "Folder_base", ONE),
            ("group", "Group_base", ONE),
            ("matter_budget", "MatterBudget_base", ONE),
            ("matter_stage", "MatterStage_base", ONE),
            ("originating_attorney", "User_base", ONE),
            ("practice_area", "PracticeArea_base", ONE),
            ("responsible_attorney", "User_base", ONE),
            ("statute_of_limitations", "Task_base", ONE),
            ("user", "User_base", ONE),
            ("legal_aid_uk_matter", "LegalAidUkMatter_base", ONE),
            ("account_balances", "AccountBalance_base", MANY),
            ("custom_field_values", "CustomFieldValue", MANY),
            ("custom_field_set_associations", "CustomFieldSetAssociation_base", MANY),
            ("matter_bill_recipients", "MatterBillRecipient", MANY),
            ("relationships", "Relationship_base", MANY),
            ("task_template_list_instances", "TaskTemplateListInstace_base", MANY),
            ("split_invoice_payers", "SplitInvoicePayer_base", MANY),
        ],
    ),
    shape("MatterBillRecipient", "created_at etag id updated_at", &[("recipient", "Contact_base", ONE)]),
    shape(
        "MatterBudget_base",
        "id etag budget include_expenses notification_threshold notify_users created_at updated_at",
        &[],
    ),
    shape("MatterCustomRate", "type on_invoice", &[("rates", "PolymorphicCustomRate", MANY)]),
    shape("MatterStage_base", "id etag practice_area_id name order created_at updated_at", &[]),
    shape(
        "Matter_base",
        "id etag number display_number custom_number description status location client_reference \
         client_id billable maildrop_address billing_method open_date close_date pending_date created_at \
         updated_at shared has_tasks last_activity_date matter_stage_updated_at",
        &[],
    ),
    shape("Multipart", "part_number put_url", &[("put_headers", "MultipartHeader_base", MANY)]),
    shape("MultipartHeader_base", "name value", &[]),
    shape("NotificationMethod_base", "id etag type email_address is_default_email_address created_at updated_at", &[]),
    shape(
        "PaymentProfile_base",
        "id etag created_at updated_at billing_setting_id name terms discount_rate discount_period \
         interest_rate interest_period interest_type",
        &[],
    ),
    shape("PhoneNumber_base", "id etag number name primary created_at updated_at", &[]),
    shape("PicklistOption", "id etag created_at updated_at option deleted_at", &[]),
    shape("PicklistOption_base", "id etag created_at updated_at option deleted_at", &[]),
    shape(
        "PolymorphicCustomRate",
        "id etag created_at updated_at rate award note date",
        &[
            ("user", "PolymorphicCustomRate_User_base", ONE),
            ("group", "PolymorphicCustomRate_Group_base", ONE),
            ("activity_description", "PolymorphicCustomRate_ActivityDescription_base", ONE),
        ],
    ),
    shape("PolymorphicCustomRate_ActivityDescription_base", "id etag name", &[]),
    shape("PolymorphicCustomRate_Group_base", "etag id name", &[]),
    shape("PolymorphicCustomRate_User_base", "enabled etag id name", &[]),
    shape("PracticeArea", "id etag created_at updated_at name category code", &[]),
    shape("PracticeArea_base", "id etag created_at updated_at name category code", &[]),
    shape("Relationship_base", "id etag description created_at updated_at", &[]),
    shape(
        "SplitInvoicePayer_base",
        "id contact_id matter_id send_to_bill_recipients split_portion etag created_at updated_at",
        &[],
    ),
    shape("TaskTemplateListInstace_base", "id etag created_at updated_at", &[]),
    shape(
        "Task_base",
        "id etag name status description description_text_type priority due_at permission completed_at \
         notify_completion statute_of_limitations time_estimated created_at updated_at time_entries_count",
        &[],
    ),
    shape(
        "User",
        "account_owner clio_connect court_rules_default_attendee created_at default_calendar_id email enabled \
         etag first_name id initials last_name name phone_number rate roles subscription_type time_zone \
         updated_at",
        &[
            ("default_activity_description", "ActivityDescription_base", ONE),
            ("notification_methods", "NotificationMethod_base", MANY),
            ("account", "Account_base", ONE),
            ("avatar", "Avatar_base", ONE),
            ("contact", "Contact_base", ONE),
            ("job_title", "JobTitle_base", ONE),
            ("groups", "Group_base", MANY),
        ],
    ),
    shape(
        "User_base",
        "account_owner clio_connect court_rules_default_attendee created_at default_calendar_id email enabled \
         etag first_name id initials last_name name phone_number rate roles subscription_type time_zone \
         updated_at",
        &[],
    ),
    shape("WebSite_base", "id etag address name default_web_site created_at updated_at", &[]),
    shape(
        "Webhook",
        "id etag url fields shared_secret model status events expires_at created_at updated_at",
        &[("user", "User_base", ONE)],
    ),
];
